"""PetNet's own making: labelled photos, training, calibration and the model card."""
