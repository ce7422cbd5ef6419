"""Pictures and words: icons, scenes, pairs of your own."""
