"""The emcc-emu command, one file per sub-command."""
