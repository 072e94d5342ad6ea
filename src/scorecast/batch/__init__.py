"""The batch job: data in, predictions published complete or not at all.

`config` says what is asked for, `run` does it. On the way in are `source`, `inputs`, `snapshot`
and `footers`; `plan`, `units`, `attempts`, `key` and `engines` divide the work and do it; on the
way out are `assemble`, `publish`, `collect`, `layout`, `output` and `stores`. `manifest`, `report`,
`verify` and `predictions` tell what there is. May import `spark` and everything below it.
"""
