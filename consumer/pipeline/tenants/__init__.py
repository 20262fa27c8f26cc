"""Who the tenants are, and whose request is next.

`known_tenants` caches profiles and recent posts; `scheduling` hands out slots by `fair_shares` over the `backlog`.
"""
