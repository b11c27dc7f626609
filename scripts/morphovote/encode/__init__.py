"""From polar images to embeddings.

Takes polar images and the weights of a ConvNeXt, leaves shards of embeddings. Rules:
`fetch_encoder`, `encode_polar`.
"""
