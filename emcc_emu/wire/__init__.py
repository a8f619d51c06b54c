"""Wire: bytes to dataclasses and back, one file per format."""
