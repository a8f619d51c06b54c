"""emcc-emu: an emulator of Cisco Unified CM Extension Mobility Cross Cluster at protocol level."""

__version__ = "0.1.0"
