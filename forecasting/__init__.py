"""Networks, their training, and the forecasts they give beside their baselines."""
