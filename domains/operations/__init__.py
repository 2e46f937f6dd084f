"""Operations: what was scheduled, and what flew."""
