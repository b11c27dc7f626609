"""What the report says in words.

Takes tables of numbers, leaves sentences. Rules: `build_report`, `build_naming`.
"""
