"""Human review: claiming a doubted page, and confirming, correcting or giving it up."""
