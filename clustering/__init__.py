"""Dynamic connectivity segmentation: which stations belong together. Pure functions; imports data only."""
