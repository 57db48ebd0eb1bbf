"""The training room: students, losses, schedules; the only room with PyTorch.

cli                   the command `distill`
new_recipe            `distill init`: a recipe for clips of one's own
students/             the product's network: recipe, data, training, export
teachers/             the papers' networks, which a student may learn from
enhance/              dark frames made visible, for teachers
training/             what both share: loop, checkpoints, losses, many processes
gate_network, scores  the gate as it is trained; evaluations told and kept
"""
