"""Virtual phones: one phone's life, its screen, its calls, and fleets of them."""
