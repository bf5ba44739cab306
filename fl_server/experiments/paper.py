"""The numbers that the papers print, as they print them.

Tables I to III, figures 4 and 5 are the VH-Twin paper's; its "update (rounds)" are the exchanges between
C-NDTs and G-NDT. The overhead on SMS traffic is in figure 4 of the paper on digital network twins.
"""

from collections.abc import Mapping

Numbers = Mapping[str, float]

TABLE_1: Mapping[str, Numbers] = {
    "5": {
        "v_mse": 0.140, "h_mse": 0.140, "v_mae": 0.260, "h_mae": 0.258, "v_nrmse": 0.088, "h_nrmse": 0.089,
        "mapping_seconds": 1356, "updates": 2169,
    },
    "10": {
        "v_mse": 0.139, "h_mse": 0.136, "v_mae": 0.260, "h_mae": 0.256, "v_nrmse": 0.091, "h_nrmse": 0.089,
        "mapping_seconds": 1359, "updates": 2360,
    },
    "20": {
        "v_mse": 0.140, "h_mse": 0.035, "v_mae": 0.260, "h_mae": 0.253, "v_nrmse": 0.092, "h_nrmse": 0.088,
        "mapping_seconds": 1368, "updates": 2921,
    },
    "30": {
        "v_mse": 0.141, "h_mse": 0.135, "v_mae": 0.262, "h_mae": 0.256, "v_nrmse": 0.091, "h_nrmse": 0.088,
        "mapping_seconds": 1372, "updates": 3164,
    },
}  # fmt: skip
TABLE_2: Mapping[str, Numbers] = {
    "25": {
        "v_mse": 0.143, "h_mse": 0.120, "v_mae": 0.270, "h_mae": 0.248, "v_nrmse": 0.092, "h_nrmse": 0.085,
        "mapping_seconds": 642, "updates": 3000, "v_clusters": 4, "h_clusters": 4,
    },
    "50": {
        "v_mse": 0.139, "h_mse": 0.134, "v_mae": 0.260, "h_mae": 0.254, "v_nrmse": 0.091, "h_nrmse": 0.087,
        "mapping_seconds": 1359, "updates": 2260, "v_clusters": 5, "h_clusters": 5,
    },
    "100": {
        "v_mse": 0.139, "h_mse": 0.138, "v_mae": 0.260, "h_mae": 0.259, "v_nrmse": 0.091, "h_nrmse": 0.091,
        "mapping_seconds": 2628, "updates": 2325, "v_clusters": 6, "h_clusters": 6,
    },
    "200": {
        "v_mse": 0.135, "h_mse": 0.135, "v_mae": 0.261, "h_mae": 0.261, "v_nrmse": 0.090, "h_nrmse": 0.090,
        "mapping_seconds": 6665, "updates": 2302, "v_clusters": 10, "h_clusters": 10,
    },
}  # fmt: skip
TABLE_3: Mapping[str, Numbers] = {  # its last two rows are those of table II, but for one digit
    "40 %": {
        "v_mse": 0.136, "h_mse": 0.135, "v_mae": 0.257, "h_mae": 0.255, "v_nrmse": 0.091, "h_nrmse": 0.089,
        "mapping_seconds": 642, "updates": 3000,
    },
    "60 %": {
        "v_mse": 0.137, "h_mse": 0.136, "v_mae": 0.257, "h_mae": 0.256, "v_nrmse": 0.091, "h_nrmse": 0.089,
        "mapping_seconds": 1359, "updates": 2360,
    },
    "80 %": {
        "v_mse": 0.138, "h_mse": 0.135, "v_mae": 0.258, "h_mae": 0.256, "v_nrmse": 0.091, "h_nrmse": 0.089,
        "mapping_seconds": 2628, "updates": 2325,
    },
    "100 %": {
        "v_mse": 0.137, "h_mse": 0.134, "v_mae": 0.258, "h_mae": 0.256, "v_nrmse": 0.090, "h_nrmse": 0.089,
        "mapping_seconds": 6665, "updates": 2302,
    },
}  # fmt: skip
FIGURE_4: Mapping[str, Numbers] = {
    "50": {"single_v_mse": 0.138, "single_v_mae": 0.258, "single_v_nrmse": 0.090}
}
FIGURE_5: Mapping[str, Numbers] = {"0.001": {"updates": 4000}, "0.05": {"updates": 2132}}
MEANT = {0.035: 0.135}  # a misprint of table I, by the errors beside it
V_ERROR, V_TIME, H_OVERHEAD = 0.015, 0.035, -0.438  # VH-Twin beside single-level twinning
PSI_ERROR = 0.10  # that the highest threshold costs
