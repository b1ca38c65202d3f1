"""What operators do over many documents: bulk runs, reconcile, erasure, key rotation, audit, evaluation."""
