"""What is wrong, and what to do about it, before a caller finds out: ``gateway doctor``.

``examination.examine`` looks at settings, this machine, the way to each endpoint and a real session there, and makes a
:class:`~gateway.doctor.finding.Report` of one line for each thing. The refusals that it tells apart are those of
:mod:`gateway.realtime.refusals`; the first refused connect of a live call says the same sentences.
"""
