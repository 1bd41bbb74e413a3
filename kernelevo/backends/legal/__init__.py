"""Classification of criminal cases by charge, from their facts."""
