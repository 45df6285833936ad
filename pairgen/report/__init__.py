"""What a person looks at: dataset card, images, pages."""
