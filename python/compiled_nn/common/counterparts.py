"""Counterparts of the names of Keras, PyTorch, scikit-learn, LightGBM, XGBoost and FANN.

`TABLES` has, for each kind of names, the foreign names of each name of this library; "" has names without a
counterpart, for which no similar name may be suggested. Of several counterparts, the first is suggested where it is
valid, else all others that are. `NOTES` has sentences for names whose counterpart is not a name of the same kind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_EPOCHS = "epoch n_epochs nb_epoch nb_epochs num_epochs max_epochs epochs max_iter n_iter n_iterations num_iterations"
_WEIGHTS = "sample_weights weights weight row_weight"
_SEEDS = "random_state random_seed rng rng_seed generator"
_THREADS = "n_jobs num_threads nthread nthreads workers thread_count"
_CLIP_NORM = (
    "clipnorm clip_grad_norm max_grad_norm gradient_clip gradient_clip_val global_clipnorm clip_gradient"
)
_CATEGORIES = "cat_features categorical_feature categorical_columns cat_cols categorical_indices cat_idxs"
_SCALING = "normalize normalise scale scaling scaler standard_scaler standardise preprocessing"
_DROPOUT = "dropout_rate drop_prob drop_rate p_dropout dropouts"
_LOSS = "loss_fn loss_function criterion objective cost cost_function error_function"
_TIME = "timeout max_time max_seconds time_budget max_runtime_secs seconds"
_INIT = (
    "kernel_initializer weight_init initializer weights_init init_mode initialization initialisation w_init"
)
_RATE = "lr eta learning_rate_init step_size rate"
_PATIENCE = "patience early_stopping_rounds early_stopping_round rounds_without_improvement"
_VALIDATION = "eval_set valid_sets val_data validation valid_data validation_set dev_set eval_data"
_FRACTION = "validation_split val_split val_size val_fraction validation_size valid_fraction test_size"

TABLES: dict[str, dict[str, str]] = {
    "loss": {
        "log_loss softmax_cross_entropy": "categorical_crossentropy sparse_categorical_crossentropy cross_entropy"
        " ce nll softmax multinomial multiclass multi_logloss multi_softprob multi_softmax kl_div kl_divergence xent",
        "log_loss binary_cross_entropy": "bce bce_with_logits logistic binary binary_logloss binary_logistic"
        " xentropy sigmoid_cross_entropy multi_label_soft_margin binomial binomial_deviance",
        "log_loss softmax_cross_entropy binary_cross_entropy": "log deviance",
        "mse": "mean_squared_error l2 mean_square squared regression regression_l2 rmse root_mean_squared_error"
        " reg_squarederror least_squares quadratic",
        "mae": "mean_absolute_error absolute_error l1 regression_l1 absolute reg_absoluteerror",
        "huber": "smooth_l1 reg_pseudohubererror pseudo_huber",
        "quantile": "pinball mean_pinball reg_quantileerror",
        "poisson": "poisson_nll count_poisson",
        "gamma": "reg_gamma",
        "tweedie": "reg_tweedie",
        "gaussian_nll": "gaussian normal normal_nll heteroscedastic",
        "focal": "binary_focal_crossentropy categorical_focal_crossentropy sigmoid_focal",
        "ordinal": "coral corn cumulative_link proportional_odds",
        "": "hinge squared_hinge categorical_hinge mape mean_absolute_percentage_error msle ctc cosine_similarity"
        " cosine_embedding triplet margin_ranking lambdarank rank_xendcg exponential perceptron modified_huber"
        " mean_squared_logarithmic_error epsilon_insensitive fair dice",
    },
    "activation": {
        "logistic sigmoid": "logistic sigm sigmoid sigmoidal logit expit",
        "identity": "none no_activation",
        "relu": "rectifier rectified_linear rectify",
        "leaky_relu": "lrelu leaky leaky_rectifier",
        "tanh": "sigmoid_symmetric bipolar_sigmoid hyperbolic_tangent tangens_hyperbolicus",
        "gelu_tanh": "gelu_new gelu_approximate gelu_pytorch_tanh",
        "silu": "swish_1",
        "hard_swish": "hard_silu",
        "elu": "celu",
        "softmax": "log_softmax",
        "softsign": "elliot elliot_symmetric",
        "exp": "exponential",
        "relu6": "clipped_relu",
        "sine": "sin sinus siren",
        "": "cos cosine step heaviside threshold prelu rrelu glu swiglu geglu maxout softmin softshrink"
        " hard_shrink tanh_shrink log_sigmoid square squareplus sparse_plus gaussian quick_gelu snake",
    },
    "optimizer": {
        "sgd": "gradient_descent gd stochastic_gradient_descent",
        "adamw": "decoupled_adam",
        "nadam": "nesterov_adam",
        "radam": "rectified_adam",
        "rprop": "irprop irpropm rprop_minus",
        "": "adamax ftrl lamb lars adafactor asgd sparse_adam muon sophia quickprop sam adan adabelief",
    },
    "init": {
        "glorot_uniform": "xavier_uniform xavier glorot",
        "glorot_normal": "xavier_normal",
        "he_normal": "kaiming_normal kaiming he",
        "he_uniform": "kaiming_uniform",
        "lecun_normal": "lecun",
        "zeros": "zero",
        "ones": "one",
        "": "orthogonal identity eye dirac sparse variance_scaling random widrow_nguyen lsuv",
    },
    "metric": {
        "accuracy": "acc accuracy_score categorical_accuracy sparse_categorical_accuracy binary_accuracy",
        "balanced_accuracy": "balanced_accuracy_score",
        "roc_auc": "auc roc_auc_score auroc area_under_curve",
        "average_precision": "average_precision_score pr_auc auprc aucpr",
        "f1": "f1_score f_score f_measure",
        "precision": "precision_score",
        "recall": "recall_score sensitivity",
        "log_loss": "cross_entropy binary_logloss multi_logloss bce nll binary_crossentropy"
        " categorical_crossentropy sparse_categorical_crossentropy logloss deviance mlogloss",
        "brier": "brier_score brier_score_loss",
        "ece": "expected_calibration_error calibration_error",
        "matthews": "mcc",
        "top_k_accuracy": "top_k top_5 top_k_accuracy_score top_k_categorical_accuracy",
        "mse": "mean_squared_error l2 squared_error",
        "rmse": "root_mean_squared_error",
        "mae": "mean_absolute_error l1 absolute_error",
        "mape": "mean_absolute_percentage_error",
        "median_absolute_error": "medae",
        "pinball": "quantile mean_pinball mean_pinball_loss pinball_loss",
        "poisson_deviance": "mean_poisson_deviance poisson",
        "gamma_deviance": "mean_gamma_deviance gamma",
        "r2": "coefficient_of_determination r_squared",
        "": "error_rate explained_variance kappa cohen_kappa jaccard iou dice hinge ndcg map specificity loss msle",
    },
    "dtype": {
        "float32": "float16 half bfloat16 f4 single f32",
        "float64": "float double f8 f64",
    },
    "solver": {"lbfgs": "l_bfgs bfgs newton_cg newton_cholesky liblinear sag saga cg"},
    "norm": {
        "batch": "batch_norm batchnorm1d batch_normalization bn",
        "layer": "layer_norm layer_normalization ln",
        "rms": "rms_norm rms_normalization",
        "": "group instance spectral weight l1 l2 max",
    },
    "standardize": {
        "standard": "z_score standard_scaler mean_std",
        "minmax": "min_max min_max_scaler normalize",
        "robust": "robust_scaler iqr median",
        "standard_smooth_clip": "smooth_clip standardize_smooth_clip clip",
        "robust_smooth_clip": "robust_scale_smooth_clip robust_clip realmlp",
    },
    "class_weight": {"balanced": "auto balance balanced_subsample"},
    "learning_rate": {"invscaling": "inverse_scaling inv_scaling", "adaptive": "plateau reduce_on_plateau"},
    "monitor": {
        "val_loss": "valid_loss validation_loss",
        "val_score": "val_acc val_accuracy validation_score val_r2 valid_acc",
        "loss": "train_loss training_loss",
    },
    "shape": {
        "nodes": "units n_units size neurons n out_features hidden n_nodes width n_neurons",
        "activation": "act function activation_function transfer",
        "bias": "use_bias has_bias",
        "init": f"{_INIT} weights",
        "": "inputs input_shape in_features type name layer dropout norm rate",
    },
    "Dense": {
        "units": "nodes n_units size neurons n out_features hidden width n_nodes output_dim",
        "activation": "act function activation_function nonlinearity",
        "bias": "use_bias has_bias b_init",
        "init": f"{_INIT} weights",
        "dropout": _DROPOUT,
        "norm": "normalization normalisation batch_norm layer_norm normalize",
        "residual": "skip skip_connection shortcut",
        "trainable": "requires_grad frozen freeze",
        "rate": "lr learning_rate lr_scale rate_factor learning_rate_factor",
    },
    "Network": {
        "layers": "hidden_layer_sizes hidden_layers architecture n_hidden sizes layer_sizes",
        "loss": _LOSS,
        "optimizer": "solver optim optimiser",
        "l2": "kernel_regularizer lambda_l2 reg_lambda alpha ridge regularization",
        "l1": "lambda_l1 reg_alpha lasso",
        "input_scale": "rescale input_factor",
        "seed": _SEEDS,
        "n_threads": _THREADS,
        "standardize": _SCALING,
        "scale_targets": "scale_y standardize_targets target_scaling scale_target normalize_y",
        "categorical_features": _CATEGORIES,
        "clip_norm": _CLIP_NORM,
        "clip_value": "clipvalue max_grad_value",
        "ema": "use_ema ema_momentum ema_decay polyak",
        "embeddings": "embedding embedding_dim embedding_sizes emb_szs",
    },
    "fit": {
        "epochs": _EPOCHS,
        "batch_size": "mini_batch_size bs batch",
        "accumulate": "accumulate_grad_batches gradient_accumulation_steps accumulation_steps",
        "sample_weight": _WEIGHTS,
        "class_weight": "class_weights scale_pos_weight is_unbalance",
        "validation_data": _VALIDATION,
        "validation_fraction": _FRACTION,
        "validation_groups": "groups group",
        "metrics": "eval_metric eval_metrics metric scoring scorers",
        "early_stopping": "early_stop",
        "time_limit": _TIME,
        "averaging": "swa average",
        "verbose": "verbosity verbose_eval progress_bar",
        "warm_start": "reset continue_training resume",
        "": "initial_epoch steps_per_epoch",
    },
    "estimator": {
        "hidden_layer_sizes": "layers hidden_layers hidden_units layer_sizes n_hidden"
        " n_hidden_units hidden_sizes units",
        "activation": "activations act hidden_activation activation_function nonlinearity",
        "alpha": "l2 lambda_l2 reg_lambda l2_penalty weight_penalty ridge regularization",
        "l1": "lambda_l1 reg_alpha lasso l1_penalty",
        "batch_size": "mini_batch_size bs batch",
        "learning_rate_init": "lr eta step_size initial_lr",
        "max_iter": _EPOCHS,
        "random_state": "seed random_seed rng rng_seed generator",
        "n_threads": _THREADS,
        "n_iter_no_change": _PATIENCE,
        "early_stopping": "early_stop",
        "validation_fraction": _FRACTION,
        "loss": _LOSS,
        "dropout": _DROPOUT,
        "norm": "batch_norm batch_normalization layer_norm normalization",
        "standardize": _SCALING,
        "use_bias": "bias fit_intercept intercept",
        "init": _INIT,
        "metrics": "eval_metric eval_metrics metric scoring scorers",
        "clip_norm": _CLIP_NORM,
        "clip_value": "clipvalue max_grad_value",
        "time_limit": _TIME,
        "categorical_features": _CATEGORIES,
        "min_frequency": "min_count min_category_count",
        "class_weight": "class_weights scale_pos_weight is_unbalance",
        "scale_targets": "scale_y standardize_targets target_scaling scale_target normalize_y",
        "ema": "use_ema ema_momentum ema_decay polyak",
        "restore_best": "restore_best_weights load_best load_best_model_at_end",
        "min_delta": "delta",
        "schedule": "lr_schedule scheduler lr_scheduler learning_rate_schedule",
        "optimizer": "optim optimiser",
        "callbacks": "callback",
        "residual": "skip skip_connections",
        "tol": "tolerance ftol",
        "max_fun": "max_fev maxfun",
        "verbose": "verbosity",
        "": "n_estimators max_depth num_leaves subsample bagging_fraction feature_fraction boosting gamma",
    },
    "Optimizer": {
        "learning_rate": _RATE,
        "beta_1": "b1",
        "beta_2": "b2",
        "epsilon": "eps",
        "weight_decay": "l2 decay wd",
        "momentum": "mu",
        "nesterov": "nesterovs_momentum use_nesterov",
        "rho": "alpha decay_rate",
        "centered": "centred",
        "momentum_decay": "schedule_decay",
    },
    "split": {
        "test_fraction": "test_size test_share",
        "validation_fraction": "val_size validation_size validation_split val_fraction",
        "seed": _SEEDS,
        "stratify": "stratified",
    },
    "compiled_nn": {
        "Network": "Sequential Model Net MLP Module NeuralNetwork FeedForward",
        "Dense": "Linear Layer FullyConnected",
        "MLPClassifier": "Classifier NeuralNetClassifier",
        "MLPRegressor": "Regressor NeuralNetRegressor",
        "load": "load_model open",
    },
    "losses": {
        "SoftmaxCrossEntropy": "CategoricalCrossentropy SparseCategoricalCrossentropy CrossEntropy NLL",
        "BinaryCrossEntropy": "BCE BCEWithLogits",
        "MeanSquaredError": "MSE L2",
        "MeanAbsoluteError": "MAE L1 AbsoluteError",
        "Huber": "SmoothL1",
        "Quantile": "Pinball",
        "Poisson": "PoissonNLL",
        "Gamma": "HalfGamma",
        "GaussianNLL": "Gaussian",
        "Focal": "BinaryFocalCrossentropy CategoricalFocalCrossentropy",
        "": "Hinge KLDivergence KLDiv CTC CosineSimilarity",
    },
    "schedules": {
        "Cosine": "CosineAnnealing CosineDecay CosineDecayRestarts CosineAnnealingWarmRestarts",
        "Exponential": "ExponentialDecay",
        "Step": "StepDecay StepLR",
        "MultiStep": "PiecewiseConstantDecay PiecewiseConstant",
        "Polynomial": "PolynomialDecay PolyDecay",
        "InverseScaling": "InverseTimeDecay InvScaling",
        "OneCycle": "OneCyclePolicy",
        "WarmUp": "LinearWarmup Warmup",
    },
    "plotting": {
        "LossCurveDisplay": "LossCurve plot_history plot_loss",
        "ConfusionMatrixDisplay": "plot_confusion_matrix ConfusionMatrix",
    },
}
TABLES["metrics"] = TABLES["metric"]

_FIT = "is a parameter of fit."
_RATE_OF_OPTIMIZER = "The optimizer has the learning rate: pass optimizer=Adam(learning_rate=...)."
_PATIENCE_OF_FIT = "Pass early_stopping=EarlyStopping(patience=...) of compiled_nn.callbacks to fit."

NOTES: dict[str, dict[str, str]] = {
    "loss": {
        "hinge": "losses.CustomLoss takes a loss as a Python function.",
        "msle": "For a logarithmic error, train with 'mse' on np.log1p(y).",
        "meansquaredlogarithmicerror": "For a logarithmic error, train with 'mse' on np.log1p(y).",
    },
    "optimizer": {
        "momentum": "Pass SGD(learning_rate, momentum=0.9).",
        "nesterov": "Pass SGD(learning_rate, momentum=0.9, nesterov=True).",
        "amsgrad": "Pass Adam(amsgrad=True).",
    },
    "init": {
        "normal": "Pass Normal(sigma) of compiled_nn.",
        "randomnormal": "Pass Normal(sigma) of compiled_nn.",
        "gaussian": "Pass Normal(sigma) of compiled_nn.",
        "truncatednormal": "Pass Normal(sigma) of compiled_nn, whose numbers are not truncated.",
        "constant": "Pass Constant(value) of compiled_nn.",
        "uniform": "Pass Uniform(low, high) of compiled_nn.",
        "randomuniform": "Pass Uniform(low, high) of compiled_nn.",
    },
    "solver": {
        name: f"Pass optimizer={name!r} with solver='adam'."
        for name in ("adamw", "nadam", "radam", "rmsprop", "adagrad", "adadelta", "lion", "rprop")
    },
    "learning_rate": {
        name: "Pass a schedule of compiled_nn.schedules as schedule=..."
        for name in ("cosine", "linear", "exponential", "step", "onecycle", "optimal", "polynomial")
    },
    "Network": {
        **{
            name: f"'{original}' {_FIT}"
            for name, original in {
                "epochs": "epochs",
                "batchsize": "batch_size",
                "shuffle": "shuffle",
                "verbose": "verbose",
                "callbacks": "callbacks",
                "validationdata": "validation_data",
                "metrics": "metrics",
                "validationfraction": "validation_fraction",
                "earlystopping": "early_stopping",
                "classweight": "class_weight",
                "timelimit": "time_limit",
                "warmstart": "warm_start",
            }.items()
        },
        **dict.fromkeys(("validationsplit", "valsplit"), "Pass validation_fraction to fit."),
        **dict.fromkeys(("maxiter", "nepochs", "maxepochs", "numepochs"), "Pass epochs to fit."),
        **dict.fromkeys(("lr", "learningrate", "learningrateinit", "eta"), _RATE_OF_OPTIMIZER),
        **dict.fromkeys(("patience", "niternochange", "earlystoppingrounds"), _PATIENCE_OF_FIT),
        **dict.fromkeys(
            ("momentum", "beta1", "beta2", "epsilon"),
            "Pass it to the optimizer, as in SGD(0.01, momentum=0.9).",
        ),
        "weightdecay": "Pass optimizer=AdamW(weight_decay=...), or l2=...",
        **dict.fromkeys(("dropout", "dropoutrate"), "Each layer has its own: Dense(units, dropout=...)."),
        **dict.fromkeys(("activation", "activations"), "Each layer has its own: Dense(units, 'relu')."),
        **dict.fromkeys(
            ("norm", "batchnorm", "normalization"), "Each layer has its own: Dense(units, norm='batch')."
        ),
        **dict.fromkeys(
            ("inputshape", "inputdim", "nfeatures", "inputsize", "ninputs"),
            "The number of columns is that of X.",
        ),
    },
    "fit": {
        **dict.fromkeys(
            ("lr", "learningrate", "optimizer"), "Pass optimizer=Adam(learning_rate=...) to Network."
        ),
        **dict.fromkeys(("seed", "randomstate", "loss", "standardize"), "It is a parameter of Network."),
        **dict.fromkeys(
            ("patience", "earlystoppingrounds"), "Pass early_stopping=EarlyStopping(patience=...)."
        ),
    },
    "estimator fit": {
        **dict.fromkeys(("epochs", "nepochs", "maxiter"), "Pass max_iter to the constructor."),
        **dict.fromkeys(
            (
                "batchsize",
                "verbose",
                "callbacks",
                "earlystopping",
                "metrics",
                "classweight",
                "validationfraction",
            ),
            "It is a parameter of the constructor.",
        ),
        **dict.fromkeys(("validationsplit", "valsplit"), "Pass validation_fraction to the constructor."),
        **dict.fromkeys(("evalset", "valdata", "validation"), "Did you mean 'validation_data'?"),
        **dict.fromkeys(("sampleweights", "weights"), "Did you mean 'sample_weight'?"),
    },
    "Dense": dict.fromkeys(
        ("infeatures", "inputshape", "inputdim", "inputs", "ninputs"),
        "The number of inputs is that of the columns of X, or of the units of the layer before.",
    ),
    "compiled_nn": {
        **{
            name.lower(): f"It is compiled_nn.callbacks.{name}."
            for name in ("EarlyStopping", "Checkpoint", "Plateau")
        },
        "traintestsplit": "It is compiled_nn.datasets.train_test_split.",
    },
    "Optimizer": {"betas": "Pass beta_1=... and beta_2=..."},
}
# Sentences for values of a type that the parameter does not take.
VALUES: dict[str, tuple[Any, str]] = {
    "activation": (Callable, "Pass functions as Activation(function, derivative)."),
}
