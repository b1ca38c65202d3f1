"""Words the samples are made of: invented people and hospitals, and the plain facts of medicine."""
