// EmulatedBoard
