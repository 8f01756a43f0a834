"""Teachers: where maps come from that a network has not learnt here. Runs no PyTorch."""
