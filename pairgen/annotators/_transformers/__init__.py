"""CLIP, heads on it, and tokenizers of the transformers library, for annotators."""
