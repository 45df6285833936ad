"""Shared by teachers of pretrained models; the underscore says that it is no teacher."""
