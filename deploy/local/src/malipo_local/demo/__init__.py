"""The demo: six payments on the real system, told so that a newcomer can follow."""
