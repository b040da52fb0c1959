"""The desk: rules, ledger, acts and views. It knows incidents and promises, no sockets."""
