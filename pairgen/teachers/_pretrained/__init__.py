"""Code shared by teachers of pretrained models; the underscore marks it as not a teacher."""
