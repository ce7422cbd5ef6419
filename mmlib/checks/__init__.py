"""The checks of the exercises, one module a chapter, and the pieces they are built from."""
