"""Scripts for those who build Ventanilla. Nothing here is part of the product, and no room imports it."""
