"""Networks: what they are made of, and the form in which explainers follow them."""
