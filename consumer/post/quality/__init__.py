"""The quality gate: what Instagram would take but no shop would publish. Pure.

`gate` lists the rules in their order: repairs that are certain first, then what is refused, then
what is only warned about. Each other module holds one kind of rule: functions from a post and the
texts it was written from to a repaired text or to the passages at fault.
"""
