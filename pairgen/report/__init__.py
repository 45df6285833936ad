"""What a person looks at: dataset card, pictures, pages."""
