"""Upstream events become turns (`assembly`, pure); turns become rows (`writer`)."""
