"""What ``compiled-nn train`` does: data, plan, training and report."""
