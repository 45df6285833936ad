"""What LADD and ADD share: a student of a few steps, its times, and the distance to a teacher."""
