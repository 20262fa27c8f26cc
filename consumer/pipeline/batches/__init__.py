"""The steps of a batch. Each is committed before the next begins, so that any process can continue from it.

`gathering` selects waiting requests, freezes their bodies (`drafting`, `packing`), reserves their worst case
(`affording`) and records the intent, all in one transaction; `submission` uploads and creates; `polling` checks the
status; `collecting` processes the results in groups, each committed with its end position (`result_judgement`,
`group_store`); `rest` sends on requests without a result. `runner` performs the next step of each batch that is due.
"""
