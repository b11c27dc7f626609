"""From polar pictures to embeddings.

Takes polar pictures and the weights of a ConvNeXt, leaves shards of embeddings. Rules:
`fetch_encoder`, `encode_polar`.
"""
