"""The post itself: the prompt it is asked for with and the rules it must keep. No I/O."""
