"""The way of a request by batch. Each step is committed before the next begins, so that any process can go on from it.

`gathering` chooses what waits, freezes what is asked (`drafting`, `packing`), reserves what that may cost
(`affording`) and records the intent, all in one transaction; `submission` uploads and creates; `polling` looks how the
batch stands; `collecting` takes the results in groups, each in one transaction with the place it ends at
(`result_judgement`, `group_store`), and `rest` sends on what has no result. `runner` does the step that is next for
each batch whose look is due, one process a batch.
"""
