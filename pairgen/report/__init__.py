"""What people look at: images and HTML pages."""
