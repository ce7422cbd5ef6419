"""Small experiments on the gaps between what a picture shows and what a text says."""
