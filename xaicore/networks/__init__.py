"""Networks: what they are, how they load, and forms in which they can be explained."""
