"""`python -m emcc_emu` is the `emcc-emu` command."""

from emcc_emu.cli.main import main

main()
