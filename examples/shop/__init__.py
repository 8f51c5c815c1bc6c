"""An application in several modules: task sets, middleware and hooks.

cd examples
python -m shop                                 # on $JOBQUEUE_URL, else on redis://localhost:6379/0
jobqueue dev shop.app:jobs                     # only the worker; starts a server if there is none
"""
