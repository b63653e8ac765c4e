"""THE EVENT: planning, dispatch, read-back, opt-outs, results."""
