"""The sentences of the report.

Takes tables of numbers, leaves sentences. Rules: `build_report`, `build_naming`.
"""
