"""The partner API's lower half: who asks (``who``), what every resource shares (``desk``), and the
resources about homes (``views``). Events stand on ``desk`` too; tokens and problems are portal's.
"""
