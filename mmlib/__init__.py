"""Vision-language models you can run."""
