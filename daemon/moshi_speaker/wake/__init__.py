"""Wake word engines behind one Protocol, and the policy that decides when to trigger."""
