"""The debug page of `CatchErrors(debug=True)`: what broke, where, and how to ask for it again.

Never needed in production, so nothing of it is loaded without `debug=True`. It is shown to this
machine alone (`wsgimw.peers.closed_gates`), holds no console, evaluates nothing, loads nothing, and
keeps nothing after the response.
"""
